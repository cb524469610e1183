
# An exit status other than 0 says that nothing of this run may remove anything.
records
