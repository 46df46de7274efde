"""fadefollow: does it pay to fade the crowd or to follow it?"""

__version__ = "0.1.0"
