#include "tests/unit/base/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int temp_dir(char path[TEMP_PATH_MAX])
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(path, TEMP_PATH_MAX, "%s/itts-unit-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void temp_dir_end(int dirfd, const char *path)
{
	assert_int_equal(close(dirfd), 0);
	assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void assert_ok(int result, const struct error *err)
{
	if (result || err->code)
		fail_msg("%d, %s: %s", result, err_code_name(err->code),
			 err->msg);
}

void assert_fails(int result, struct error *err, enum err_code code,
		  const char *words)
{
	assert_int_equal(result, -1);
	assert_string_equal(err_code_name(err->code), err_code_name(code));
	if (!strstr(err->msg, words))
		fail_msg("\"%s\" is not in \"%s\"", words, err->msg);
	err_clear(err);
}

int main(void)
{
	int failed = 0;

	failed += run_base64_tests();
	failed += run_cancel_tests();
	failed += run_digest_tests();
	failed += run_dir_tests();
	failed += run_error_tests();
	failed += run_fifo_tests();
	failed += run_event_tests();
	failed += run_file_tests();
	failed += run_human_tests();
	failed += run_json_tests();
	failed += run_json_reader_tests();
	failed += run_json_writer_tests();
	failed += run_near_tests();
	failed += run_path_tests();
	failed += run_pool_tests();
	failed += run_tar_view_tests();
	failed += run_xxh64_tests();
	failed += run_str_tests();
	return failed != 0;
}
