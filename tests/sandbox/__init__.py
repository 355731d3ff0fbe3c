"""Tests of the emulated vendors."""
