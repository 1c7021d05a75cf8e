"""What a source's own signals, beside one another, say about its units, lead names and repetitions.

One file per question: facts about one recording, found where it is read, and the verdict over all of them.
"""
