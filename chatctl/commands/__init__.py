"""One module per noun; a verb is a function that parses, asks the server and shows the answer."""
