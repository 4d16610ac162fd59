/* Signatures of "itts test message\n", which ssh-keygen -Y verify takes: made with
 * ssh-keygen, and (sk: keys in hardware) from their description in PROTOCOL.u2f. */
#ifndef ITTS_SSHSIG_VECTORS_H
#define ITTS_SSHSIG_VECTORS_H

static const char ed25519_sig[] = "-----BEGIN SSH SIGNATURE-----\n"
				  "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg"
				  "rFBvOlNJ8sNiYNakdOBNbbw3AY\n"
				  "SmrePxUsOmlohYh3kAAAAJaXR0cy1wYWNrAAAAAAAAAA"
				  "ZzaGE1MTIAAABTAAAAC3NzaC1l\n"
				  "ZDI1NTE5AAAAQLvdpZD4E7DaPtwoKniMiC11P4BD+"
				  "Mtf24nfwiDAKQAIlDg/n68s6l916H\n"
				  "C7m5jSWf8+988sZuCKf55ZODqJYgQ=\n"
				  "-----END SSH SIGNATURE-----\n";
static const char ed25519_pub[] =
	"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKxQbzpTSfLDYmDWpHTgTW28NwGE"
	"pq3j8VLDppaIWId5";
static const char ecdsa_sig[] =
	"-----BEGIN SSH SIGNATURE-----\n"
	"U1NIU0lHAAAAAQAAAGgAAAATZWNkc2Etc2hhMi1uaXN0cDI1NgAAAAhuaXN0cDI1NgAAAE"
	"\n"
	"EEfkVznCRJdTSyefTTv4WmBeI7ItMG32NSap1ksKT+RsSUcQrdDgs/"
	"jF2O6y3ag0nU5hmD\n"
	"FffT/"
	"eSSL0Hnc3X52QAAAAlpdHRzLXBhY2sAAAAAAAAABnNoYTUxMgAAAGQAAAATZWNkc2\n"
	"Etc2hhMi1uaXN0cDI1NgAAAEkAAAAhAKvM8fU4Th65EkHqZxlpvN2Bz2cR0WMoAZ974erN"
	"\n"
	"2B1/AAAAIDtDTN5nFYExst4CBZs2y1EbMnVSir4Q/jcEXpdgftnv\n"
	"-----END SSH SIGNATURE-----\n";
static const char ecdsa_pub[] =
	"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAy"
	"NTYAAABBBH5Fc5wkSXU0snn007+FpgXiOyLTBt9jUmqdZLCk/kbElHEK3Q4LP4xd"
	"just2oNJ1OYZgxX30/3kki9B53N1+dk=";
static const char p521_sig[] =
	"-----BEGIN SSH SIGNATURE-----\n"
	"U1NIU0lHAAAAAQAAAKwAAAATZWNkc2Etc2hhMi1uaXN0cDUyMQAAAAhuaXN0cDUyMQAAAI"
	"\n"
	"UEAYf8jjvAHtKoRud59RwGePQGJ53qSDoUnwHqr1B0B77RDjDEk2k3DEv6TubphYxZoUcK"
	"\n"
	"OYTcG/QOor/tJkvEVtoYAAzH9DI0dXTbWpKEnxRN6iBxqTPiiAaTN8UUHn6O2knMavpy/"
	"l\n"
	"a/HgDwbDCIKS/MGGlrk/"
	"gbkmxhS6Wdo8KnGpr4AAAACWl0dHMtcGFjawAAAAAAAAAGc2hh\n"
	"NTEyAAAApwAAABNlY2RzYS1zaGEyLW5pc3RwNTIxAAAAjAAAAEIA9OEvphiv73WmER7yk6"
	"\n"
	"MfN49zrWWadVeKYLVY8rbiCvqmMjKGcY/f2PBizi1gCHbaYUtNIoPASym65p1/"
	"WeT8HkMA\n"
	"AABCAcwu6l/pY9W5hQnYKVTaTbLYvAh5twFLYZdWIOCYHylWbeW//"
	"VKeBJzCO3MDxNY6i4\n"
	"AOPoK3Lq+uPkNt1qJSuINc\n"
	"-----END SSH SIGNATURE-----\n";
static const char p521_pub[] =
	"ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1"
	"MjEAAACFBAGH/I47wB7SqEbnefUcBnj0Bied6kg6FJ8B6q9QdAe+0Q4wxJNpNwxL"
	"+k7m6YWMWaFHCjmE3Bv0DqK/7SZLxFbaGAAMx/QyNHV021qShJ8UTeogcakz4ogG"
	"kzfFFB5+jtpJzGr6cv5Wvx4A8GwwiCkvzBhpa5P4G5JsYUulnaPCpxqa+A==";
static const char rsa_sig[] =
	"-----BEGIN SSH SIGNATURE-----\n"
	"U1NIU0lHAAAAAQAAAZcAAAAHc3NoLXJzYQAAAAMBAAEAAAGBAM4SHYf5jO2IoDwSvHJ19s"
	"\n"
	"FEyduSNq0CNx9C+ZHll7FONL8dQj0/qHU0hKR1tp11+9ByfERohq1+MNFTLjMffoeGC/"
	"Xx\n"
	"7/ERN+qxqgAw0v7rkfeRRU5rVyaK1pVfpPjqd20kkf6d4U7x+GgoLqPmRpxqDx5yiw/"
	"W8h\n"
	"1sxbMrkQw/"
	"9pldEWr9yPAdT8+gpk7ed88tZbdarg+h0iOEcBJE0ftaQcJf9xet5Ts4Dx7r\n"
	"Zjg5fNaQ9R3t8FgKpFwDTjmLV9lDm6QXN/QYg60dhF9xyc5dl8157/"
	"TnUsibu2I+xmcLAi\n"
	"0TC1Oiq+LUBrqb8qV5GEmDQsHk2bhepiO46odi+2sIek9bLijbrK436NZsuBz7hDAoo9Z+"
	"\n"
	"596DmhjgQ87xDCJywhvK4INPVJHlVQyqDn9gNRWRg66QGPWHpdp+QsZBArTZsngIug/"
	"RA6\n"
	"p14bnx8HLqwCqgpRAzIKoFxfjiOY1e4eheOV780qtw0irxS18H8IYPhUKT2fZO4uTfuLvz"
	"\n"
	"CQAAAAlpdHRzLXBhY2sAAAAAAAAABnNoYTUxMgAAAZQAAAAMcnNhLXNoYTItNTEyAAABgB"
	"\n"
	"Jf49tNK1lFWbm1CEMI7+a8Kgvu9K9+z4eWBstu6Qt/"
	"3Ry9so0B3yH68acAYS1nTAMJUUMi\n"
	"Av0rr4qEVv01D1Fwv6/4QhxZNTKdOCpcDJ/"
	"ZZQGDYab9rTycwjEUR99fcpzMcYZDu7INwj\n"
	"UPQRFJIhVRteeJmstqOak52dYtNa+EzLOLHSxxkHpclcYm/"
	"vgchooNcCbGtbkiKlnzVZs5\n"
	"hRYyU8W+LfdG8YSSe3taM0DKcQvnm+awefRutanx0BOOM4V/"
	"p2dzJ9Ti2w5pCkQFCCTIAh\n"
	"ScF4eVD1M3SJFyX3WGY2Vbz4RXIMubbx5a+"
	"uCH8EkR5i9HQH7nZdyIaFdUFiFWTj2QJljV\n"
	"bSLPwEB6fVK+"
	"WNZwekzKN28TNGIrwEVIOdo72EwnBu8CubJk030QY0h8TT5ntU4XLQgo1b\n"
	"M6KRicnQt5BZLhvkAi0pPi3ou88RQu+8XN9zh5bw8/"
	"TGmGZ4sFHCV5t6xOfCoqXPLTF3jS\n"
	"LlKp5Iew5lRVcs81PbNkWw==\n"
	"-----END SSH SIGNATURE-----\n";
static const char rsa_pub[] =
	"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDOEh2H+YztiKA8ErxydfbBRMnb"
	"kjatAjcfQvmR5ZexTjS/HUI9P6h1NISkdbaddfvQcnxEaIatfjDRUy4zH36Hhgv1"
	"8e/xETfqsaoAMNL+65H3kUVOa1cmitaVX6T46ndtJJH+neFO8fhoKC6j5kacag8e"
	"cosP1vIdbMWzK5EMP/aZXRFq/cjwHU/PoKZO3nfPLWW3Wq4PodIjhHASRNH7WkHC"
	"X/cXreU7OA8e62Y4OXzWkPUd7fBYCqRcA045i1fZQ5ukFzf0GIOtHYRfccnOXZfN"
	"ee/051LIm7tiPsZnCwItEwtToqvi1Aa6m/KleRhJg0LB5Nm4XqYjuOqHYvtrCHpP"
	"Wy4o26yuN+jWbLgc+4QwKKPWfufeg5oY4EPO8QwicsIbyuCDT1SR5VUMqg5/YDUV"
	"kYOukBj1h6XafkLGQQK02bJ4CLoP0QOqdeG58fBy6sAqoKUQMyCqBcX44jmNXuHo"
	"Xjle/NKrcNIq8UtfB/CGD4VCk9n2TuLk37i78wk=";
static const char sked1_sig[] = "-----BEGIN SSH SIGNATURE-----\n"
				"U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3"
				"BlbnNzaC5jb20AAAAgA6EHv/\n"
				"POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbgAAAAEc3No"
				"OgAAAAlpdHRzLXBhY2sAAAAA\n"
				"AAAABnNoYTUxMgAAAGcAAAAac2stc3NoLWVkMjU1MTlAb3"
				"BlbnNzaC5jb20AAABASXtBns\n"
				"kctxOL4Zxs0jKL8m6i4h13Pun46HaLgPUZ76TbXwKrO4wK"
				"b8EzZRr9wajx2C2Jxi8Jgn0W\n"
				"taOs+cnZAgEAAABN\n"
				"-----END SSH SIGNATURE-----\n";
static const char sked1_pub[] =
	"sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY"
	"29tAAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4AAAABHNzaDo=";
static const char skec1_sig[] =
	"-----BEGIN SSH SIGNATURE-----\n"
	"U1NIU0lHAAAAAQAAAH8AAAAic2stZWNkc2Etc2hhMi1uaXN0cDI1NkBvcGVuc3NoLmNvbQ"
	"\n"
	"AAAAhuaXN0cDI1NgAAAEEEbyNHyrfddoWP4FVaw7yZBIxKrK/"
	"ftry+BepsQsSTRWkdGhig\n"
	"pLN0p70z9jK4B5dpt3R1qt5MpYOMvabjONciqQAAAARzc2g6AAAACWl0dHMtcGFjawAAAA"
	"\n"
	"AAAAAGc2hhNTEyAAAAeQAAACJzay1lY2RzYS1zaGEyLW5pc3RwMjU2QG9wZW5zc2guY29t"
	"\n"
	"AAAASgAAACEAtnx+"
	"uaJZNfSRolDopN1f4iLqE23L79X65DzH63zD1CkAAAAhAInwVFNGyf\n"
	"6Ub9uoLpj6JD8eIT+hIXYwav1XrcRlv43TAQAAAE0=\n"
	"-----END SSH SIGNATURE-----\n";
static const char skec1_pub[] =
	"sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzd"
	"HAyNTZAb3BlbnNzaC5jb20AAAAIbmlzdHAyNTYAAABBBG8jR8q33XaFj+BVWsO8m"
	"QSMSqyv37a8vgXqbELEk0VpHRoYoKSzdKe9M/YyuAeXabd0dareTKWDjL2m4zjXI"
	"qkAAAAEc3NoOg==";
static const char sked0_sig[] =
	"-----BEGIN SSH SIGNATURE-----\n"
	"U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAgA6EHv/"
	"\n"
	"POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbgAAAAEc3NoOgAAAAlpdHRzLXBhY2sAAAAA"
	"\n"
	"AAAABnNoYTUxMgAAAGcAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAABAXIaG89"
	"\n"
	"Ig3QDcGLJW4Qg1JKp3WVi+"
	"tP1LO6hndkgd4trXqcYfLO0KCdhxVjs4hspVvVEp3CRrxP3L\n"
	"MGdqel/SDQAAAABN\n"
	"-----END SSH SIGNATURE-----\n";
static const char sked0_pub[] =
	"sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY"
	"29tAAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4AAAABHNzaDo=";

#endif
