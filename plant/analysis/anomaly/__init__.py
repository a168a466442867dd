"""What is wrong with readings or with what they are readings of, found without labels and without a look at how they were made.

Rules judge one series, siblings judge one of several alike, change points and joint models judge residuals over days; `live` judges each
reading as it comes. All of them take arrays and give `Finding`s.
"""
