PAGE="README.md"
def write(store, folder):
    (folder/PAGE).write_text("x"); return folder/PAGE
