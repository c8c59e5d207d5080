// The text of --help. It is the whole grammar of the commands.

#ifndef HELP_H
#define HELP_H

extern const char help[];

#endif
