"""For pip, the old one of Python 3.6 included."""

import re

from setuptools import find_packages, setup

with open("ralph_ext_tabs/__init__.py", encoding="utf-8") as file:
    version = re.search(r'__version__ = "([^"]+)"', file.read()).group(1)
with open("README.md", encoding="utf-8") as file:
    readme = file.read()

setup(
    name="ralph-ext-tabs",
    version=version,
    description="Tabs of extensions on the pages of Ralph's objects, read from the keys that ralphext keeps",
    long_description=readme,
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["ralph_ext_tabs", "ralph_ext_tabs.*"]),
    package_data={
        "ralph_ext_tabs": ["templates/ralph_ext_tabs/*", "static/ralph_ext_tabs/*", "locale/*/LC_MESSAGES/*"]
    },
    python_requires=">=3.6",
    install_requires=["Django>=2.0", "redis>=3.2.1"],
    classifiers=["Framework :: Django", "Programming Language :: Python :: 3"],
)
