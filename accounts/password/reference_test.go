package password_test

// reference holds what the reference implementation made (Debian's argon2 0~20171227):
//
//	printf %s PASSWORD | argon2 SALT -id -t T -k M -p P -l L -e
var reference = []struct{ password, encoded string }{
	{"password", "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$K13EBUiG7JV+9ZxztmHFTdb7J0WQsnj2V8bZaqyPptE"},
	{"pässwörd", "$argon2id$v=19$m=4096,t=3,p=4$c2FsdHNhbHQ$BqrzrLfsWRPNJRZGjmTKtctxu13zf0t7"},
	{"correct-horse", "$argon2id$v=19$m=64,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3A$" +
		"zT1KOqiptemt9por1LUtgovtN6l5RaRv2kY3YOYyYPqZZXNqNpTZA5hgycvV1Oot5eOncJ4RxNaomxowLL995g"},
}
