"""What several claims decide alike: reaches over seeds, lengths taken together, who solves a task.

No claim itself: those are the files beside this folder.
"""
