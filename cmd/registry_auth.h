/* Names and passwords for registries, where skopeo, podman and docker keep them. */
#ifndef ITTS_REGISTRY_AUTH_H
#define ITTS_REGISTRY_AUTH_H

#include "base/attr.h"
#include "base/error.h"
#include "cmd/config.h"

/* "name:password" for a host (with its port), or NULL; caller wipes and frees.
 * $REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json,
 * $DOCKER_CONFIG/config.json, ~/.docker/config.json: the first that has it. */
int registry_auth(const struct env *e, const char *host, char **out,
		  struct error *err) MUST_CHECK;

#endif
