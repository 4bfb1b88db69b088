"""What must be true of a topology before it is planned; each rule that is broken is one problem with its place."""
