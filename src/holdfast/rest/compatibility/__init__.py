"""
Operations that WSO2's clients call, for features that Holdfast doesn't have.
"""
