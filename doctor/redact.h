/* Secrets out of texts that people will paste into an issue. */
#ifndef ITTS_REDACT_H
#define ITTS_REDACT_H

/* In place: access tokens (hf_..., Bearer ..., token=...), and user and password in
 * URLs become '*'. */
void redact_secrets(char *text);

#endif
