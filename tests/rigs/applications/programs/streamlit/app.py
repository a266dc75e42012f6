"""Counts, and gives back the file that it was given."""

import streamlit as st

counted = st.session_state.setdefault("counted", 0)
if st.button("Count"):
    counted = st.session_state.counted = counted + 1
st.text(f"counted {counted}")
if given := st.file_uploader("File"):
    body = given.read()
    st.text(f"got {len(body)} bytes")
    st.download_button("Fetch", body, file_name=given.name, mime="application/octet-stream")
