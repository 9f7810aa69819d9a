/* tests */
extern int tested;
int tested;
