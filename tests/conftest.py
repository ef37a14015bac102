"""What all tests share."""

from __future__ import annotations

import hypothesis

# Codecs on a busy machine take the time they take; and a build must not fail by luck.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")
