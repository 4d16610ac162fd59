/* Secrets out of texts that people will paste into an issue. */
#ifndef ITTS_REDACT_H
#define ITTS_REDACT_H

/* In place, for one text (a whole JSON document would lose its quotes): access tokens
 * (hf_..., Bearer ..., token=..., "token": "...", --token ...), passwords and keys named
 * in such ways, and user and password in URLs become '*'. */
void redact_secrets(char *text);

#endif
