#include "bundle/extra.h"

#include <string.h>

/* The bytes of a file of the source tree between name_begin and name_end. */
#define EMBED(name, file)                                  \
	__asm__(".pushsection .rodata\n" #name "_begin:\n" \
		".incbin \"" file "\"\n" #name "_end:\n"   \
		".byte 0\n.popsection\n");                 \
	extern const char name##_begin[], name##_end[]

EMBED(extra_install_txt, "bundle/files/INSTALL.txt");
EMBED(extra_install_sh, "bundle/files/install.sh");

bool extra_own_at(size_t i, struct extra_own *out)
{
	const struct extra_own files[] = {
		{ "INSTALL.txt", extra_install_txt_begin,
		  (size_t)(extra_install_txt_end - extra_install_txt_begin),
		  false },
		{ "install.sh", extra_install_sh_begin,
		  (size_t)(extra_install_sh_end - extra_install_sh_begin),
		  true },
	};

	if (i >= ARRAY_LEN(files))
		return false;
	*out = files[i];
	return true;
}

bool extra_own_find(const char *path, struct extra_own *out)
{
	for (size_t i = 0; extra_own_at(i, out); i++)
		if (!strcmp(out->path, path))
			return true;
	return false;
}
