// Lists of names in messages.
#ifndef PLEURA_CORE_TEXT_NAME_LIST_H
#define PLEURA_CORE_TEXT_NAME_LIST_H

#include <stddef.h>

// The first names of many: 'a', 'b', 'c' and 7 more. Starts as zeros but for `max_bytes`.
#define NAME_LIST_SIZE 700
struct name_list {
    size_t max_bytes; // of the text, at most NAME_LIST_SIZE; 0: all of them
    size_t count;     // names added
    size_t shown;     // of them in `text`: ten, or fewer where they are long
    char text[NAME_LIST_SIZE];
};

// Adds a name in quotes, as utf8_show_text has it, with ` (NOTE)` behind it unless `note` is NULL.
void name_list_add(struct name_list *list, const char *text, size_t length, const char *note);

// The text, with how many more there are. Nothing may be added afterwards.
const char *name_list_end(struct name_list *list);

#endif
