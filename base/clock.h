#ifndef ITTS_CLOCK_H
#define ITTS_CLOCK_H

#include <stdint.h>

uint64_t clock_ms(void);     /* monotonic */
uint32_t clock_jitter(void); /* random bits for back-off and temporary names */

#endif
