# Prints FILE:LINE:CODE with comments gone and strings emptied, so that words
# in them are not taken for code.
FNR == 1 { in_comment = 0 }
{
	code = ""
	n = length($0)
	for (i = 1; i <= n; i++) {
		c = substr($0, i, 1)
		two = substr($0, i, 2)
		if (in_comment) {
			if (two == "*/") {
				in_comment = 0
				i++
			}
		} else if (two == "/*") {
			in_comment = 1
			code = code " "
			i++
		} else if (two == "//") {
			break
		} else if (c == "\"" || c == "'") {
			for (j = i + 1; j <= n; j++) {
				d = substr($0, j, 1)
				if (d == "\\")
					j++
				else if (d == c)
					break
			}
			code = code c c
			i = j
		} else {
			code = code c
		}
	}
	print FILENAME ":" FNR ":" code
}
