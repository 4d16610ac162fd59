/* Ending a program with all that it has started. */
#ifndef ITTS_ENDTREE_H
#define ITTS_ENDTREE_H

#include <sys/types.h>

#include "doctor/parents.h"

/* Asks root and its descendants to end, and ends at once those that have not done so after
 * grace ms. One whose parent had ended before is known as a child of this process, where
 * it adopts them (launch_adopt()); strangers: its other children. */
void endtree(pid_t root, const struct pids *strangers, unsigned grace);

#endif
