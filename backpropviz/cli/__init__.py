"""The command line: results on stdout, one sentence on stderr when something is wrong."""
