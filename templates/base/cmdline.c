/* Looks up words and options on the command line. */
#include <kernel/cmdline.h>
#include <kernel/string.h>

char cmdline[CMDLINE_MAX];

/* The word of the command line after this one; empty at the end. */
static const char *next_word(const char *word)
{
	while (*word && *word != ' ')
		word++;
	while (*word == ' ')
		word++;
	return word;
}

bool boot_word(const char *text)
{
	size_t length = strlen(text);

	for (const char *word = cmdline; *word; word = next_word(word)) {
		if (!strncmp(word, text, length) && (word[length] == ' ' || !word[length]))
			return true;
	}
	return false;
}

bool boot_option(const char *key, char *value, size_t size)
{
	size_t length = strlen(key);
	bool found = false;

	for (const char *word = cmdline; *word; word = next_word(word)) {
		const char *from = word + length + 1;
		size_t i;

		if (strncmp(word, key, length) || word[length] != '=')
			continue;
		for (i = 0; i + 1 < size && from[i] && from[i] != ' '; i++)
			value[i] = from[i];
		value[i] = '\0';
		found = true;
	}
	return found;
}
