"""What the program stands on: errors, files, threads, progress, devices."""
