"""Tests of the emulated iVvy."""
