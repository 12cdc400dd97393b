# SPDX-License-Identifier: GPL-2.0-or-later
# Counts words, and prints those that occur often.
{
    gsub(/[^A-Za-z_]+/, " ")
    for (i = 1; i <= NF; i++) {
        count[$i]++
        longest = length($i) > length(longest) ? $i : longest
    }
}
END {
    for (word in count) {
        total += count[word]
        if (count[word] > 500) often++
    }
    print NR, total, often, longest
}
