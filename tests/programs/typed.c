/* Reads lines that are typed at the console, and says what came; ends with the end of file. */
#include "calls.h"

static void say(const char *text)
{
	put_text(text);
	end_line();
}

void run(u32 *stack)
{
	static char text[100];
	u32 modes[9];
	int n;

	(void)stack;
	say(ioctl(0, 0x5401, modes) ? "no terminal" : "a terminal");
	n = fcntl(0, 4, NONBLOCK);
	put_text("nothing yet: ");
	put_number(read(0, text, sizeof(text)));
	end_line();
	fcntl(0, 4, n);
	for (;;) {
		say("next line?");
		n = read(0, text, sizeof(text) - 1);
		put_text("read ");
		put_number(n);
		if (n <= 0)
			break;
		put_text(": ");
		for (int i = 0; i < n; i++)
			put(text[i] == '\n' ? '$' : text[i]);
		end_line();
	}
	end_line();
	modes[3] &= ~2u; /* without ICANON */
	ioctl(0, 0x5402, modes);
	say("press");
	n = read(0, text, sizeof(text) - 1);
	put_text("pressed ");
	put_number(n);
	put(' ');
	put(text[0]);
	end_line();
	exit(0);
}
