// Lists of names in messages: text that grows until ten names are in it, then a count.
#include "core/text/name_list.h"

#include "core/text/utf8.h"

#include <stdio.h>
#include <string.h>

#define MAX_SHOWN 10
#define TAIL_SIZE 32 // " and 18446744073709551615 more" and a NUL

void name_list_add(struct name_list *list, const char *text, size_t length, const char *note) {
    char name[120]; // a longer one is cut
    char item[250];
    const size_t most = list->max_bytes > 0 ? list->max_bytes : NAME_LIST_SIZE;
    const size_t used = strlen(list->text);
    utf8_show_text(text, length, name, sizeof name);
    const int added =
        snprintf(item, sizeof item, "%s'%s'%s%.100s%s", used > 0 ? ", " : "", name,
                 note != NULL ? " (" : "", note != NULL ? note : "", note != NULL ? ")" : "");
    // The names shown are the first ones: behind one that does not fit, none is shown.
    if (list->shown == list->count && list->shown < MAX_SHOWN && added > 0 &&
        used + (size_t)added + TAIL_SIZE <= most) {
        memcpy(list->text + used, item, (size_t)added + 1);
        list->shown++;
    }
    list->count++;
}

const char *name_list_end(struct name_list *list) {
    const size_t used = strlen(list->text);
    if (list->count > list->shown) {
        (void)snprintf(list->text + used, sizeof list->text - used, "%s%zu more",
                       list->shown > 0 ? " and " : "", list->count - list->shown);
    }
    return list->text;
}
