"""What comes next, with how sure that is: forecasts with prediction intervals, judged by rolling origins beside plain baselines.
scikit-learn and statsmodels are imported only where they run, in the job process."""
