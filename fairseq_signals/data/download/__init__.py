"""What a source publishes, brought to a folder whole: its list of files, resumable transfers, archives unpacked."""
