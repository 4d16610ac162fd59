/* Completion scripts, made from the tables of commands and options. Pure. */
#ifndef ITTS_COMPLETION_H
#define ITTS_COMPLETION_H

#include "base/str.h"

void completion_bash(struct str *out);
void completion_zsh(struct str *out);
void completion_fish(struct str *out);

#endif
