// The words of a command.

#ifndef WORDS_H
#define WORDS_H

#include "rules.h"

#define BIT(operation) (1u << (operation))

extern const char *const operation_names[OPERATIONS];

// The next word of a line, or NULL at its end.
char *next_word(char **rest);

// Whether the text is a decimal number that is not greater than `most`.
bool to_number(const char *text, unsigned long long most, unsigned long long *number);

// An errno by name or number. 0 if it is none that can be answered.
int to_error(const char *text);

// A comma-separated list of operations and groups, as bits. 0 if one of them does not exist. Splits the list in
// place.
unsigned to_operations(char *list);

#endif
