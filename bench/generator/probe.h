void probe_join(int room);
void probe_start(void);
double probe_stop(void); /* the longest round trip in seconds; 0 if it never started */
