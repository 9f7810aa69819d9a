#include <kernel.h>
int answer;
