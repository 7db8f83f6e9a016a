"""Plaudit: rewards for learning, from xAPI statements to points, leaderboards and verifiable badges."""
