"""Systems with a planted bug and their fixed twins: is each verdict red or green for the right reason?"""
