// A number that a user may choose, described where it is used: programs make an option of it.
#ifndef PLEURA_CORE_SETTING_H
#define PLEURA_CORE_SETTING_H

struct setting {
    const char *name; // of the option; NULL: there is none, and the value is always `usual`
    const char *argument, *help; // how the help calls the value, and what it says of it
    double minimum, maximum;     // both included
    double usual;
};

#endif
