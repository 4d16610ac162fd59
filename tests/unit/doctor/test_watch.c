#include "tests/unit/doctor/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "doctor/timeline.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* --- texts of /proc ------------------------------------------------------------ */

#define AFTER                                                                \
	" 1 2 3 4 -1 4194560 7 8 77 10 500 50 14 15 20 0 12 0 4242 9999 31 " \
	"0\n"

static void test_stat(void **state)
{
	static const char *const bad[] = {
		"",	     "12 python S 1",	  "12 (python)",
		"12 (py) S", ("12 )py( S" AFTER), "12 (py) S 1 2 3"
	};
	struct pparse_stat s;

	(void)state;
	assert_true(pparse_stat("12 (a) b (c) D" AFTER, &s));
	assert_string_equal(s.comm, "a) b (c");
	assert_int_equal(s.state, 'D');
	assert_int_equal(s.ppid, 1);
	assert_int_equal(s.majflt, 77);
	assert_int_equal(s.utime, 500);
	assert_int_equal(s.stime, 50);
	assert_int_equal(s.threads, 12);
	assert_int_equal(s.start, 4242);
	assert_int_equal(s.rss, 31);
	assert_false(s.ending);
	assert_true(pparse_stat(
		"12 (py) S 1 2 3 4 -1 4194564 7 8 77 10 500 50 14 15 "
		"20 0 12 0 4242 9999 31 0\n",
		&s));
	assert_true(s.ending);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(pparse_stat(bad[i], &s));
}

static void test_sockets(void **state)
{
	static const char tcp[] =
		"   3: 0109090A:C350 0209090A:01BB 02 00000001:00000000 "
		"01:00000064 00000003        0        0 31337 2 0000";
	static const char tcp6[] =
		"   0: 00000000000000000000000000000000:1F90 "
		"00000000000000000000000000000000:0000 0A 00000000:00000000 "
		"00:00000000 00000000     0        0 555 1";
	static const char mapped[] =
		"   1: 0000000000000000FFFF00000100007F:0001 "
		"0000000000000000FFFF00000100007F:0035 01 00000000:000000FF "
		"00:00000000 00000000     0        0 7 1";
	static const char *const bad[] = {
		"  sl  local_address rem_address   st tx_queue rx_queue",
		"",
		"1:",
		"1: 0109090A:C350",
		"1: 01:C350 0209090A:01BB 02 00000001:00000000 01:0 0 0 0 1",
		"1: 0109090AC350 0209090A:01BB 02 0:0 01:0 0 0 0 1",
		"1: 0109090A:C350 0209090A:01BB 02",
	};
	struct pparse_socket s;

	(void)state;
	assert_true(pparse_socket(tcp, &s));
	assert_string_equal(s.remote, "10.9.9.2");
	assert_int_equal(s.remote_port, 443);
	assert_int_equal(s.state, 2);
	assert_int_equal(s.retries, 3);
	assert_int_equal(s.inode, 31337);
	assert_true(pparse_socket(tcp6, &s));
	assert_int_equal(s.local_port, 8080);
	assert_int_equal(s.state, 10);
	assert_string_equal(s.remote, "::");
	assert_true(pparse_socket(mapped, &s));
	assert_string_equal(s.remote, "127.0.0.1");
	assert_int_equal(s.queued, 255);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(pparse_socket(bad[i], &s));
}

static void test_keys_and_locks(void **state)
{
	static const char io[] = "rchar: 10\nwchar: 20\nsyscr: 1\n"
				 "read_bytes: 30\nwrite_bytes: 40\n";
	struct pparse_io got;
	uint64_t a, b;

	(void)state;
	assert_true(pparse_io(io, &got));
	assert_int_equal(
		got.rchar + got.wchar + got.read_bytes + got.write_bytes, 100);
	assert_false(pparse_io("rchar: 10\n", &got));
	assert_true(pparse_key("pos:\t123\nflags:\t02\n", "pos", &a));
	assert_int_equal(a, 123);
	assert_false(pparse_key("pos:\tx\n", "pos", &a));
	assert_false(pparse_key("", "pos", &a));
	assert_true(pparse_lock(
		"1: FLOCK  ADVISORY  WRITE 708 fe:00:1234 0 EOF", &a, &b));
	assert_int_equal(a, 1234);
	assert_int_equal(b, 708);
	assert_false(pparse_lock("1: -> FLOCK  ADVISORY  WRITE 9 fe:00:1 0 EOF",
				 &a, &b));
	assert_false(pparse_lock("1: FLOCK ADVISORY WRITE 708 fe", &a, &b));
	assert_false(pparse_lock("", &a, &b));
}

/* Nothing in the corpus of the fuzzer leads a parser astray. */
static void test_corpus(void **state)
{
	static const char dir[] = "tests/fuzz/corpus/procfs";
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned right = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d))) {
		struct str text CLEANUP(str_release) = STR_INIT;
		struct error err = { 0 };
		struct pparse_stat s;
		struct pparse_io io;
		struct pparse_socket sock;
		uint64_t a, b;

		if (*e->d_name == '.')
			continue;
		assert_int_equal(
			file_read_all(dirfd(d), e->d_name, 65536, &text, &err),
			0);
		right += pparse_stat(text.ptr, &s) + pparse_io(text.ptr, &io) +
			 pparse_socket(text.ptr, &sock) +
			 pparse_lock(text.ptr, &a, &b);
	}
	closedir(d);
	assert_true(right >= 4);
}

/* --- judgement ----------------------------------------------------------------- */

struct scene {
	struct sample_proc procs[2][2];
	struct sample_file files[2][2];
	struct sample_socket sockets[2];
	struct sample before, now;
};

/* A process that slept for a second. */
static void scene_begin(struct scene *s)
{
	*s = (struct scene){ .before = { .ms = 1000 }, .now = { .ms = 2000 } };
	for (int i = 0; i < 2; i++) {
		s->procs[i][0] = (struct sample_proc){
			.pid = 7,
			.stat = { .comm = "python", .state = 'S', .threads = 3 }
		};
		s->files[i][0] = (struct sample_file){
			.path = (char *)"/m/gpt.pth", .ino = 5, .size = 100000
		};
	}
	s->before.procs = s->procs[0];
	s->now.procs = s->procs[1];
	s->before.files = s->files[0];
	s->now.files = s->files[1];
	s->now.sockets = s->sockets;
	s->before.proc_count = s->now.proc_count = 1;
	s->before.gpu = s->now.gpu = SAMPLE_UNKNOWN;
	s->before.refaults = s->now.refaults =
		(struct proc_refaults){ PROC_NONE, PROC_NONE };
}

static struct watch_view judged(const struct scene *s)
{
	struct watch_view v;

	watch_judge(&s->before, &s->now, 100, &v);
	return v;
}

static void add_socket(struct scene *s, unsigned state, unsigned port, bool udp)
{
	struct sample_socket *k = &s->sockets[s->now.socket_count++];

	*k = (struct sample_socket){ .udp = udp };
	k->s.state = state;
	k->s.remote_port = port;
	snprintf(k->s.remote, sizeof(k->s.remote), "1.2.3.4");
}

static void test_moving(void **state)
{
	struct scene s;
	struct watch_view v;

	(void)state;
	scene_begin(&s);
	assert_int_equal(judged(&s).kind, WATCH_IDLE);
	s.procs[1][0].stat.utime = 30;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_COMPUTE);
	assert_true(v.cores > 0.29 && v.cores < 0.31);
	/* runnable, but others have the processor */
	s.procs[1][0].stat.utime = 1;
	assert_int_equal(judged(&s).kind, WATCH_IDLE);
	s.procs[0][0].runs = s.procs[1][0].runs = true;
	assert_int_equal(judged(&s).kind, WATCH_COMPUTE);
	s.before.file_count = s.now.file_count = 1;
	s.files[1][0].pos = 832; /* as the loader of libraries */
	assert_int_equal(judged(&s).kind, WATCH_COMPUTE);
	s.files[1][0].pos = 25000;
	s.procs[1][0].io.rchar = 25000;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_READ);
	assert_string_equal(v.what, "/m/gpt.pth");
	assert_int_equal(v.done * 100 / v.total, 25);
	/* a download: what is written is more than what is read */
	s.procs[1][0].io.wchar = 30000;
	assert_int_equal(judged(&s).kind, WATCH_WRITE);
	/* mapped: no position, but the disk is read */
	s.files[0][0].mapped = s.files[1][0].mapped = true;
	s.procs[1][0].io.read_bytes = 5000;
	assert_int_equal(judged(&s).kind, WATCH_READ);
	s.procs[1][1] = (struct sample_proc){
		.pid = 8, .stat = { .comm = "cicc", .state = 'R' }
	};
	s.now.proc_count = 2;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_BUILD);
	assert_string_equal(v.what, "cicc");
}

static void test_waiting(void **state)
{
	struct scene s;
	struct watch_view v;

	(void)state;
	scene_begin(&s);
	add_socket(&s, 1, 443, false);
	assert_int_equal(judged(&s).kind, WATCH_ANSWER);
	add_socket(&s, 2, 443, false);
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_CONNECT);
	assert_string_equal(v.what, "1.2.3.4:443");
	assert_int_equal(v.connections, 2);
	scene_begin(&s);
	add_socket(&s, 1, 53, true);
	assert_int_equal(judged(&s).kind, WATCH_NAME);
	scene_begin(&s);
	add_socket(&s, 10, 0, false);
	assert_int_equal(judged(&s).kind, WATCH_SERVE);
	scene_begin(&s);
	s.now.stale_lock = (char *)"/app/build/lock";
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_LOCK);
	assert_int_equal(v.holder, 0);
	/* while it works a lock is nothing to wait for */
	s.procs[1][0].stat.utime = 90;
	assert_int_equal(judged(&s).kind, WATCH_COMPUTE);
	scene_begin(&s);
	s.procs[1][0].disk_threads = 1;
	assert_int_equal(judged(&s).kind, WATCH_DISK);
	scene_begin(&s);
	s.procs[1][0].stat.state = 'T';
	assert_int_equal(judged(&s).kind, WATCH_PAUSED);
}

/* Moves that no position shows, and waits that are none. */
static void test_unseen(void **state)
{
	struct scene s;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct watch_view v;

	(void)state;
	scene_begin(&s);
	s.procs[1][0].io.rchar = 1 << 20;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_READ);
	assert_string_equal(v.what, "a pipe or small files");
	s.before.file_count = s.now.file_count = 1; /* pread() */
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_READ);
	assert_string_equal(v.what, "/m/gpt.pth");
	s.procs[1][0].io.rchar = 1000; /* it polls */
	assert_int_equal(judged(&s).kind, WATCH_IDLE);
	s.files[1][0].writes = true; /* pwrite() */
	s.files[1][0].size += 5000;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_WRITE);
	watch_say(&v, &text);
	assert_string_equal(text.ptr, "writing /m/gpt.pth, 102.54 KiB");
	/* a browser has come, and is at rest */
	scene_begin(&s);
	add_socket(&s, 10, 0, false);
	add_socket(&s, 1, 50000, false);
	s.sockets[0].s.local_port = s.sockets[1].s.local_port = 7860;
	assert_int_equal(judged(&s).kind, WATCH_SERVE);
	s.sockets[1].s.local_port = 50001;
	assert_int_equal(judged(&s).kind, WATCH_ANSWER);
	s.sockets[1].flow.answered = true; /* kept for later */
	assert_int_equal(judged(&s).kind, WATCH_SERVE);
	/* both ends are its own */
	s.sockets[0].s.state = 1;
	s.sockets[0].s.local_port = 50000;
	s.sockets[0].s.remote_port = 50001;
	assert_int_equal(judged(&s).kind, WATCH_IDLE);
	/* a lock that is held is waited for, whatever else is open */
	scene_begin(&s);
	add_socket(&s, 10, 0, false);
	s.now.file_count = 1;
	s.files[1][0].is_lock = true;
	s.files[1][0].held_by = 9;
	assert_int_equal(judged(&s).kind, WATCH_LOCK);
}

/* --- tries that no socket tells of ------------------------------------------------ */

static void test_snmp(void **state)
{
	static const char good[] =
		"Ip: Forwarding DefaultTTL OutNoRoutes X\nIp: 1 64 12 -1\n"
		"Icmp: InMsgs AttemptFails\nIcmp: 3 99\n"
		"Tcp: RtoAlgorithm MaxConn AttemptFails\nTcp: 1 -1 7\n";
	static const char *const bad[] = {
		"",
		"Tcp: AttemptFails",
		"Tcp: AttemptFails\nTcp: 7\n",
		"Ip: OutNoRoutes\nTcp: AttemptFails\nTcp: 7\n",
		"Ip: OutNoRoutes\nIp: 1\nTcp: X AttemptFails\nTcp: 7\n",
		"Ip: OutNoRoutes\nIp: 1\nTcp: AttemptFails\nTcp: -1\n",
	};
	struct retries_count c;

	(void)state;
	assert_true(retries_parse(good, &c));
	assert_int_equal(c.refused, 7);
	assert_int_equal(c.unreachable, 12);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(retries_parse(bad[i], &c));
}

/* The last answer for looks of one second: failures and wakes of each, by digits ('m':
 * many wakes). does: what else it did, 'r' it read, 'c' it computed, ' ' nothing. */
static enum retries_kind tries_of(const char *fails, const char *wakes,
				  const char *does)
{
	struct retries r = { .begun = false };
	struct retries_look now = { .ms = 1000 };
	enum retries_kind kind = retries_add(&r, &now);

	for (; *fails; fails++, wakes++) {
		now.ms += 1000;
		now.count.refused += (uint64_t)(*fails - '0');
		now.before = now.count;
		now.wakes += *wakes == 'm' ? 40 : (uint64_t)(*wakes - '0');
		now.bytes += *does == 'r' ? 1700000 : 135;
		now.cpu += *does == 'c' ? 40 : 10;
		does += *does != '\0';
		kind = retries_add(&r, &now);
	}
	return kind;
}

static enum retries_kind tries(const char *fails, const char *wakes)
{
	return tries_of(fails, wakes, "");
}

/* As measured: threads of an interpreter wake up often while it starts. */
static void test_retries_start(void **state)
{
	(void)state;
	assert_int_equal(tries_of("30101", "m0101", "r"), RETRIES_REFUSED);
	assert_int_equal(tries_of("30101", "m0101", "c"), RETRIES_REFUSED);
	/* its reading is over when the first ones come */
	assert_int_equal(tries_of("030303", "mm0306", "r"), RETRIES_REFUSED);
	assert_int_equal(tries_of("30", "m0", "r"), RETRIES_NONE);
	assert_int_equal(tries_of("3030", "m0m0", "r r"), RETRIES_NONE);
	/* while it starts, others ask, too */
	assert_int_equal(tries_of("10101", "00101", "r"), RETRIES_NONE);
	/* without such a reason it is awake for something else */
	assert_int_equal(tries_of("30101", "m0101", ""), RETRIES_NONE);
	assert_int_equal(tries_of("00030101", "m00m0101", "r"), RETRIES_NONE);
	/* how often it woke up then tells nothing of how it rests */
	assert_int_equal(tries_of("00333333", "mm333333", "r"),
			 RETRIES_REFUSED);
}

/* On a loaded machine: it has tried, and sleeps only after the look; or tries while it is
 * looked at. */
static void test_retries_late(void **state)
{
	struct retries r = { .begun = false };
	struct retries_look now = { .ms = 1000 };
	enum retries_kind kind = retries_add(&r, &now);

	(void)state;
	for (int i = 0; i < 8; i++, now.ms += 1000) {
		now.count.refused += i % 2;
		now.before = now.count;
		now.awake = i == 1;
		now.wakes += i == 2 || (i % 2 && i > 2);
		kind = retries_add(&r, &now);
	}
	assert_int_equal(kind, RETRIES_REFUSED);
	now.before = now.count;
	now.count.refused++;
	assert_int_equal(retries_add(&r, &now), RETRIES_REFUSED);
	now.ms += 1000;
	now.before = now.count;
	now.wakes++;
	assert_int_equal(retries_add(&r, &now), RETRIES_REFUSED);
	/* it slept, whatever else */
	now.ms += 1000;
	now.count.refused++;
	now.before = now.count;
	now.count.refused++;
	assert_int_equal(retries_add(&r, &now), RETRIES_NONE);
}

/* It polls, and others fail now and then. */
static void test_retries_rest(void **state)
{
	(void)state;
	assert_int_equal(tries("01101101", "55555455"), RETRIES_NONE);
	assert_int_equal(tries("1101101", "5555455"), RETRIES_NONE);
	assert_int_equal(tries("0100100", "1111111"), RETRIES_NONE);
	assert_int_equal(tries("1011", "5555"), RETRIES_NONE);
	/* once was an accident */
	assert_int_equal(tries("010101", "111101"), RETRIES_NONE);
	assert_int_equal(tries("01010101", "11110101"), RETRIES_REFUSED);
	/* its own come on top */
	assert_int_equal(tries("03030303", "15151515"), RETRIES_REFUSED);
}

static void test_retries(void **state)
{
	struct retries r = { .begun = false };
	struct retries_look now = { .ms = 1000, .udp = { 50 }, .udp_count = 1 };

	(void)state;
	assert_int_equal(tries("0000", "9999"), RETRIES_NONE);
	assert_int_equal(tries("1", "1"), RETRIES_NONE); /* once */
	assert_int_equal(tries("1001", "2002"), RETRIES_REFUSED);
	/* how it rests is not known */
	assert_int_equal(tries("111", "111"), RETRIES_NONE);
	assert_int_equal(tries("1111", "1111"), RETRIES_REFUSED);
	assert_int_equal(tries("111111", "555555"), RETRIES_NONE);
	/* some of them while it sleeps: others do so, too */
	assert_int_equal(tries("1111", "2202"), RETRIES_NONE);
	assert_int_equal(tries("1111", "0000"), RETRIES_NONE);
	assert_int_equal(tries("1111", "9999"), RETRIES_NONE); /* it polls */
	/* long ago */
	assert_int_equal(tries("11000000000000000000000000000000",
			       "11000000000000000000000000000000"),
			 RETRIES_NONE);
	/* a socket that was there, and stays, is no question */
	for (int i = 0; i < 5; i++, now.ms += 1000)
		assert_int_equal(retries_add(&r, &now), RETRIES_NONE);
	now.udp[0] = 51;
	assert_int_equal(retries_add(&r, &now), RETRIES_NONE);
	now.udp_count = 0;
	assert_int_equal(retries_add(&r, &now), RETRIES_NONE);
	/* of another processor */
	now.udp[0] = 50;
	now.udp[1] = 12;
	now.udp_count = 2;
	now.ms += 1000;
	assert_int_equal(retries_add(&r, &now), RETRIES_NAME);
	for (int i = 0; i < 100; i++, now.ms += 100) { /* more than it keeps */
		now.count.unreachable++;
		now.before = now.count;
		now.wakes++;
		retries_add(&r, &now);
	}
	now.udp_count = 0;
	assert_int_equal(retries_add(&r, &now), RETRIES_UNREACHABLE);
}

/* Connections that bring something, and that have ended. */
static void test_flows(void **state)
{
	struct sample_socket old[1];
	struct scene s;
	struct watch_view v;

	(void)state;
	scene_begin(&s);
	add_socket(&s, 1, 443, false);
	s.sockets[0].flow = (struct sockdiag_flow){ 5, 9000, true };
	old[0] = s.sockets[0];
	s.before.sockets = old;
	s.before.socket_count = 1;
	assert_int_equal(judged(&s).kind, WATCH_ANSWER);
	s.sockets[0].flow.received = 9002; /* kept alive */
	assert_int_equal(judged(&s).kind, WATCH_ANSWER);
	s.sockets[0].flow.received = 10000;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_RECEIVE);
	assert_string_equal(v.what, "1.2.3.4:443");
	s.sockets[0].s.state = 8;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_CLOSED);
	assert_false(v.reset);
	s.sockets[0].s.state = 1;
	s.sockets[0].lost = true;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_CLOSED);
	assert_true(v.reset);
}

static void test_swapping(void **state)
{
	struct scene s;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct watch_view v;

	(void)state;
	scene_begin(&s);
	s.procs[1][0].stat.majflt = 400;
	s.procs[1][0].swap = 3 << 20;
	s.procs[1][0].stat.stime = 40;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_SWAP);
	watch_say(&v, &text);
	assert_non_null(strstr(text.ptr, "3.00 MiB in swap"));
	/* before Linux 5.9 there is no count of those */
	s.before.refaults.file = s.now.refaults.file = 7;
	assert_int_equal(judged(&s).kind, WATCH_SWAP);
	/* a little is in swap, but what it waits for comes for the first time */
	s.before.refaults = s.now.refaults = (struct proc_refaults){ 7, 9 };
	s.procs[1][0].stat.stime = 10;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_READ);
	assert_string_equal(v.what, "programs and libraries");
	s.now.refaults.anon += 250;
	assert_int_equal(judged(&s).kind, WATCH_SWAP);
	/* others of its group are short, it has nothing in swap */
	s.procs[1][0].swap = 0;
	assert_int_equal(judged(&s).kind, WATCH_READ);
}

/* A model that is mapped: read for the first time, and again and again. */
static void test_mapped(void **state)
{
	struct scene s;
	struct str text CLEANUP(str_release) = STR_INIT;
	struct watch_view v;

	(void)state;
	scene_begin(&s);
	s.procs[1][0].stat.majflt = 400;
	s.procs[1][0].io.read_bytes = 4096 * 6000;
	s.before.file_count = s.now.file_count = 1;
	s.files[0][0].mapped = s.files[1][0].mapped = true;
	s.files[0][0].size = s.files[1][0].size = 1 << 30;
	assert_int_equal(judged(&s).kind, WATCH_READ);
	s.before.refaults = (struct proc_refaults){ 5, 50000 };
	s.now.refaults = (struct proc_refaults){ 9, 52000 };
	assert_int_equal(judged(&s).kind, WATCH_READ);
	/* counted of all in its group: it has not read the whole once */
	s.now.refaults.file = 55000;
	assert_int_equal(judged(&s).kind, WATCH_READ);
	s.procs[0][0].io.read_bytes += s.files[1][0].size;
	s.procs[1][0].io.read_bytes += s.files[1][0].size;
	v = judged(&s);
	assert_int_equal(v.kind, WATCH_SWAP);
	watch_say(&v, &text);
	assert_string_equal(text.ptr,
			    "memory is short: /m/gpt.pth does not stay in it "
			    "and is read again and again");
	/* read ahead in order: hardly a fault has to wait */
	s.procs[1][0].stat.majflt = 3;
	assert_int_equal(judged(&s).kind, WATCH_SWAP);
	/* others are short of memory, this one reads with read() */
	s.procs[1][0].io.rchar = 4096 * 6000;
	assert_int_equal(judged(&s).kind, WATCH_READ);
	/* libraries that come for the first time are no want of memory */
	s.before.file_count = s.now.file_count = 0;
	s.procs[1][0].stat.majflt = 400;
	s.now.refaults.file = 50000;
	assert_int_equal(judged(&s).kind, WATCH_READ);
}

/* --- time ---------------------------------------------------------------------- */

static struct watch_view view(enum watch_kind kind, const char *what)
{
	struct watch_view v = { .kind = kind, .gpu = SAMPLE_UNKNOWN };

	snprintf(v.what, sizeof(v.what), "%s", what);
	return v;
}

static void assert_no_gap(const struct timeline *t)
{
	for (size_t i = 1; i < t->span_count; i++)
		assert_int_equal(t->spans[i].begin, t->spans[i - 1].end);
}

/* What seemed to be a breath was the end of the wait, or was one. */
static void test_breath(void **state)
{
	struct timeline t CLEANUP(timeline_release) = { .end = 0 };
	struct watch_view wait = view(WATCH_CONNECT, "1.2.3.4:443");
	struct watch_view idle = view(WATCH_IDLE, "");
	struct watch_view work = view(WATCH_COMPUTE, "");
	uint64_t ms = 0;

	(void)state;
	timeline_init(&t, "python", 30000);
	timeline_add(&t, ms, &wait);
	for (int i = 0; i < 25; i++)
		timeline_add(&t, ms += 1000, &idle);
	assert_int_equal(t.span_count, 2);
	assert_int_equal(t.spans[1].kind, WATCH_IDLE);
	assert_int_equal(t.spans[1].begin, 0);
	assert_int_equal(t.spans[1].end, 25000);
	timeline_add(&t, ms += 1000, &wait);
	timeline_add(&t, ms += 1000, &wait);
	timeline_add(&t, ms += 5000, &idle);
	timeline_add(&t, ms += 1000, &work);
	assert_int_equal(t.span_count, 4);
	assert_int_equal(t.spans[3].begin, 32000);
	assert_no_gap(&t);
}

static void test_stall(void **state)
{
	struct timeline t CLEANUP(timeline_release) = { .end = 0 };
	struct watch_view wait = view(WATCH_CONNECT, "1.2.3.4:443");
	struct watch_view other = view(WATCH_CONNECT, "1.2.3.5:443");
	struct watch_view idle = view(WATCH_IDLE, "");
	struct watch_view work = view(WATCH_COMPUTE, "");
	uint64_t ms = 0;

	(void)state;
	timeline_init(&t, "python <webui>.py", 10000);
	assert_int_equal(timeline_add(&t, ms, &work), NEWS_STAGE);
	assert_int_equal(timeline_add(&t, ms += 60000, &work), NEWS_NONE);
	assert_int_equal(timeline_add(&t, ms += 1000, &wait), NEWS_STAGE);
	/* breath between two tries, another address of the same name */
	assert_int_equal(timeline_add(&t, ms += 4000, &idle), NEWS_NONE);
	assert_int_equal(timeline_add(&t, ms += 4000, &other), NEWS_NONE);
	assert_int_equal(timeline_add(&t, ms += 4000, &wait), NEWS_STALL);
	assert_int_equal(timeline_add(&t, ms += 4000, &wait), NEWS_NONE);
	assert_int_equal(t.span_count, 2);
	assert_non_null(timeline_now(&t)->advice);
	assert_int_equal(timeline_add(&t, ms += 1000, &work), NEWS_STAGE);
	assert_false(timeline_now(&t)->stalled);
	assert_no_gap(&t);
}

/* Memory that is short: pages come in turns, of which some are new. */
static void test_turns(void **state)
{
	struct timeline t CLEANUP(timeline_release) = { .end = 0 };
	struct watch_view swap = view(WATCH_SWAP, "");
	struct watch_view read = view(WATCH_READ, "/m/model.safetensors");
	uint64_t ms = 0;

	(void)state;
	timeline_init(&t, "python", 10000);
	assert_int_equal(timeline_add(&t, ms, &read), NEWS_STAGE);
	assert_int_equal(timeline_add(&t, ms += 1000, &swap), NEWS_STAGE);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(timeline_add(&t, ms += 3000, &read),
				 NEWS_NONE);
		assert_int_equal(timeline_add(&t, ms += 1000, &swap),
				 NEWS_NONE);
	}
	assert_int_equal(timeline_add(&t, ms += 3000, &read), NEWS_NONE);
	assert_false(timeline_now(&t)->stalled);
	assert_int_equal(timeline_add(&t, ms += 1000, &swap), NEWS_STALL);
	/* it is over */
	assert_int_equal(timeline_add(&t, ms += 4000, &read), NEWS_NONE);
	assert_int_equal(timeline_add(&t, ms += 1000, &read), NEWS_STAGE);
	assert_int_equal(timeline_now(&t)->kind, WATCH_READ);
	assert_no_gap(&t);
	/* a moment is not long, however patient the wait for its end */
	assert_int_equal(timeline_add(&t, ms += 1000, &swap), NEWS_STAGE);
	t.patience = 3000;
	assert_int_equal(timeline_add(&t, ms += 4000, &read), NEWS_NONE);
	assert_false(timeline_now(&t)->stalled);
}

/* A client that gives up on a silent server, and asks it again; and what is no drop yet. */
static void test_asks_again(void **state)
{
	struct timeline t CLEANUP(timeline_release) = { .end = 0 };
	struct watch_view silent = view(WATCH_ANSWER, "1.2.3.4:443");
	struct watch_view again = view(WATCH_CONNECT, "1.2.3.4:443");
	struct watch_view idle = view(WATCH_IDLE, "");
	uint64_t ms = 0;

	(void)state;
	timeline_init(&t, "python", 10000);
	assert_int_equal(timeline_add(&t, ms, &again), NEWS_STAGE);
	assert_non_null(strstr(timeline_now(&t)->said, "no answer yet"));
	assert_int_equal(timeline_add(&t, ms += 1000, &silent), NEWS_STAGE);
	assert_int_equal(timeline_add(&t, ms += 3000, &silent), NEWS_NONE);
	assert_int_equal(timeline_add(&t, ms += 3000, &idle), NEWS_NONE);
	assert_int_equal(timeline_add(&t, ms += 1000, &again), NEWS_NONE);
	assert_int_equal(timeline_add(&t, ms += 4000, &silent), NEWS_STALL);
	assert_int_equal(timeline_now(&t)->kind, WATCH_ANSWER);
	/* now its packets are dropped: that is another matter */
	again.retries = 1;
	assert_int_equal(timeline_add(&t, ms += 1000, &again), NEWS_STAGE);
	assert_non_null(strstr(timeline_now(&t)->said, "dropped"));
}

static void test_limits(void **state)
{
	struct timeline t CLEANUP(timeline_release) = { .end = 0 };
	struct str html CLEANUP(str_release) = STR_INIT;
	struct str text CLEANUP(str_release) = STR_INIT;

	(void)state;
	timeline_init(&t, "a <b> & \"c\"", 1000);
	for (uint64_t i = 0; i < 5000; i++) {
		struct watch_view v = view(i % 2 ? WATCH_READ : WATCH_COMPUTE,
					   "<x>");

		v.read = 10;
		v.rss = i;
		timeline_add(&t, i * 1000, &v);
	}
	assert_true(t.span_count <= TIMELINE_SPANS);
	assert_true(t.point_count <= TIMELINE_POINTS);
	assert_true(t.forgot);
	/* what no longer has a line of its own has still begun just now */
	{
		struct watch_view v = view(WATCH_IDLE, "");

		t.patience = 5000;
		assert_int_equal(timeline_add(&t, 4999500, &v), NEWS_STAGE);
		assert_int_equal(timeline_add(&t, 4999600, &v), NEWS_NONE);
		assert_false(timeline_now(&t)->stalled);
	}
	assert_int_equal(t.read, 50000);
	assert_int_equal(t.peak_rss, 4999);
	/* no peak is lost when points are joined */
	assert_int_equal(t.points[t.point_count - 1].rss, 4999);
	timeline_html(&t, &html);
	timeline_text(&t, &text);
	assert_null(strstr(html.ptr, "<x>"));
	assert_null(strstr(html.ptr, "<b> &"));
	assert_non_null(strstr(html.ptr, "a &lt;b&gt; &amp; &quot;c&quot;"));
	assert_non_null(strstr(text.ptr, "1:23:19 in all"));
}

int run_watch_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_keys_and_locks),
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_breath),
		cmocka_unit_test(test_moving),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_unseen),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_snmp),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_retries_start),
		cmocka_unit_test(test_retries_late),
		cmocka_unit_test(test_retries_rest),
		cmocka_unit_test(test_swapping),
		cmocka_unit_test(test_mapped),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_asks_again),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
