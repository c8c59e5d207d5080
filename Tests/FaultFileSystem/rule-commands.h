// The commands that change the rules, and those that report what the rules did.

#ifndef RULE_COMMANDS_H
#define RULE_COMMANDS_H

#include <stddef.h>

// Performs a command, splitting its text in place. The answer has no newline.
void rules_command(char *command, char *answer, size_t size);

#endif
