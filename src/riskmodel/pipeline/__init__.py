"""The run: artifact names and one function per stage that reads, calls, writes and tracks."""
