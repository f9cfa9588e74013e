"""From records to estimates: measurements, leaderboards, statistical comparison."""
