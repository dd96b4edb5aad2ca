// Time, for measuring.
#ifndef PLEURA_CORE_CLOCK_H
#define PLEURA_CORE_CLOCK_H

// Seconds of a clock that only goes forward.
double clock_seconds(void);

#endif
