#include "bundle/layout_members.h"

/* The bytes of a file of the source tree between name_begin and name_end. */
#define EMBED(name, file)                                  \
	__asm__(".pushsection .rodata\n" #name "_begin:\n" \
		".incbin \"" file "\"\n" #name "_end:\n"   \
		".byte 0\n.popsection\n");                 \
	extern const char name##_begin[], name##_end[]

EMBED(layout_install_txt, "bundle/files/INSTALL.txt");
EMBED(layout_install_sh, "bundle/files/install.sh");

bool layout_file_at(size_t i, struct layout_file *out)
{
	const struct layout_file files[] = {
		{ "INSTALL.txt", layout_install_txt_begin,
		  (size_t)(layout_install_txt_end - layout_install_txt_begin),
		  0644 },
		{ "install.sh", layout_install_sh_begin,
		  (size_t)(layout_install_sh_end - layout_install_sh_begin),
		  0755 },
	};

	if (i >= ARRAY_LEN(files))
		return false;
	*out = files[i];
	return true;
}
