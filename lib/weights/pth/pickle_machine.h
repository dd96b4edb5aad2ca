// The stack machine's parts: its memory, its values, what its calls give.
#ifndef PLEURA_WEIGHTS_PTH_PICKLE_MACHINE_H
#define PLEURA_WEIGHTS_PTH_PICKLE_MACHINE_H

#include "weights/pth/pickle.h"

#define PICKLE_SMALL 256 // integers from 0 on that are made once

struct pickle_machine {
    struct pickle *pickle;
    struct arena *arena;
    const unsigned char *bytes;
    size_t length, offset;
    struct pickle_value **stack; // NULL: a mark
    size_t depth, stack_capacity;
    struct pickle_value **memo;
    size_t memo_capacity, memo_next;
    struct pickle_value *none, *small[PICKLE_SMALL];
    struct error *error;
};

// ---- values (pickle_values.c); all fail with the machine's error

// A value, not yet on the stack; NULL without memory.
struct pickle_value *pickle_new(struct pickle_machine *machine, enum pickle_type type);
// Push a value onto the stack.
CHECKED bool pickle_push(struct pickle_machine *machine, struct pickle_value *value);
CHECKED bool pickle_push_none(struct pickle_machine *machine);
CHECKED bool pickle_push_integer(struct pickle_machine *machine, int64_t integer);
CHECKED bool pickle_push_text(struct pickle_machine *machine, struct text text);
CHECKED bool pickle_push_opaque(struct pickle_machine *machine, const char *what);

// The value on top, off the stack; NULL where there is none.
struct pickle_value *pickle_pop(struct pickle_machine *machine);

// How many values lie above the topmost mark; takes the mark away from below them.
CHECKED bool pickle_above_mark(struct pickle_machine *machine, size_t *count);

// The `count` values on top become a tuple, list or dict.
CHECKED bool pickle_gather(struct pickle_machine *machine, size_t count, enum pickle_type type);

// Adds the `count` values on top to the list or dict below them; an opaque value swallows them.
CHECKED bool pickle_add(struct pickle_machine *machine, size_t count, enum pickle_type type);

// Keep the value on top under a number, and push the one that is kept under it.
CHECKED bool pickle_put_memo(struct pickle_machine *machine, uint64_t index);
CHECKED bool pickle_get_memo(struct pickle_machine *machine, uint64_t index);

// ---- calls (pickle_call.c)

// The function MODULE.NAME.
CHECKED bool pickle_push_function(struct pickle_machine *machine, struct text module,
                                  struct text name);

// What `function` gives for a tuple of arguments.
CHECKED bool pickle_call(struct pickle_machine *machine, const struct pickle_value *function,
                         const struct pickle_value *arguments);

// An object of a class, made without a call (NEWOBJ).
CHECKED bool pickle_make(struct pickle_machine *machine, const struct pickle_value *class,
                         const struct pickle_value *arguments);

// What a persistent id stands for: ('storage', type, key, place, numbers, ...) for a storage,
// ('module', class, file, text) for a class.
CHECKED bool pickle_refer(struct pickle_machine *machine, const struct pickle_value *id);

#endif
