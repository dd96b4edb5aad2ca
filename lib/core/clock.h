// Time: for measuring, and of the day.
#ifndef PLEURA_CORE_CLOCK_H
#define PLEURA_CORE_CLOCK_H

// Seconds of a clock that only goes forward.
double clock_seconds(void);

// Seconds since 1970, of the clock that people set.
double clock_wall_seconds(void);

#endif
