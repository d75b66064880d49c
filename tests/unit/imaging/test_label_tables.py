"""Tables of labels in the forms in which parcellations are distributed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketfc.imaging.atlas.label_tables import network_of, read_labels

NAMES = {1: "first", 2: "second", 101: "third"}

FORMS = {
    "bids": "index\tname\n0\tbackground\n1\tfirst\n2\tsecond\n101\tthird\n",
    "templateflow": "index\tname\tcolor\n1\tfirst\t#781180\n2\tsecond\t#781181\n101\tthird\t#1\n",
    "atlaspack": "index\tlabel\tnetwork_label\n1\tfirst\tVis\n2\tsecond\tn/a\n101\tthird\t\n",
    "cit168": "Region_Index,Region_Name\n1,first\n2,second\n101,third\n",
    "thomas": "\ufeff1,first\r\n2,second\r\n101,third",
    "schaefer": "1\tfirst\t120\t18\t131\t0\n2\tsecond\t120\t18\t132\t0\n101\tthird\t1\t1\t1\t0\n",
    "freesurfer": "# $Id$\n#No. Label R G B A\n0 Unknown 0 0 0 0\n\n1 first 1 2 3 0\n"
    "2  second  1 2 3 0\n101  third  1 2 3 0\n",
    "workbench": "first\n1 144 246 45 255\nsecond\n2 34 165 59 255\nthird\n101 188 96 76 255\n",
    "mricron": "1 first 2001\n2 second 2002\n101 third 2101\n",
    "aal-spm5": "FAG\tfirst\t1\nFAD\tsecond\t2\nF1G\tthird\t101\n",
    "aal-xml": "<?xml version='1.0'?><atlas><data>"
    "<label><index>1</index><name>first</name></label>"
    "<label><index>2</index><name>second</name></label>"
    "<label><index>101</index><name>third</name></label></data></atlas>",
    "fsl-xml": '<?xml version="1.0"?><atlas><data><label index="0" x="1">first</label>'
    '<label index="1" x="1">second</label><label index="100" x="1">third</label></data></atlas>',
    "spreadsheet": "index,name\n1.0,first\n2.0,second\n101.0,third\n",
}


def written(folder: Path, content: str) -> Path:
    path = folder / "labels.txt"
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_names(form, tmp_path):
    assert read_labels(written(tmp_path, FORMS[form])).names == NAMES


def test_a_list_of_names_counts_from_one(tmp_path):
    table = read_labels(written(tmp_path, "HIP-rh\nAMY-rh\npTHA-rh\n"))
    assert table.names == {1: "HIP-rh", 2: "AMY-rh", 3: "pTHA-rh"}


def test_names_may_hold_spaces_where_a_mark_separates_the_columns(tmp_path):
    tabbed = read_labels(written(tmp_path, "1\tFrontal Pole\n2\tInsular Cortex \n"))
    assert tabbed.names == {1: "Frontal Pole", 2: "Insular Cortex"}
    quoted = read_labels(written(tmp_path, 'index,name\n1,"gyrus, left"\n'))
    assert quoted.names == {1: "gyrus, left"}


def test_networks_are_those_of_the_table_else_those_that_schaefers_names_spell(tmp_path):
    said = (
        "index\tname\tnetwork\n1\t7Networks_LH_Vis_1\tmine\n2\t7Networks_LH_Vis_2\tn/a\n3\tHIP\t\n"
    )
    assert read_labels(written(tmp_path, said)).networks == {1: "mine", 2: "Vis"}
    assert network_of("17Networks_RH_DefaultB_PFCd_1") == "DefaultB"
    assert network_of("HIP-rh") == ""
    assert network_of("L_a_b_c") == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("index\tname\n1\ta\0\n", "contains a NUL character"),
        ('index,name\n1,"' + "a" * 200_000 + '"\n', "cannot be split into cells"),
        ("index\tname\n1\n", "too few columns in row 2"),
        ("index\tname\n1.5\ta\n", "not a whole number"),
        ("index\tname\none\ta\n", "could not convert"),
        ("index\tname\n1\ta\n1\tb\n", "gives the index 1 twice"),
        ("index\tname\n1\ta\n2\ta\n", "gives the name a twice"),
        ("1 a 0 0 0 0\n2\n3 c 0 0 0 0\n", "a row of one column"),
        ("number\tword\n1\ta\n", "a row that names no label: number word"),
        ("FAG\tfirst\t1\nFAD\tsecond\ttwo\n", "a row that names no label: FAD second two"),
        ("FAG\tfirst\t1\nFAD\tsecond\t2\t3\n", "names no label: FAD second 2 3"),
        ("<atlas><data></data></atlas>", "without labels"),
        ("<atlas>", "is not valid XML"),
    ],
)
def test_what_has_none_of_the_forms_is_refused(content, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_labels(written(tmp_path, content))


def test_five_at_most_of_the_names_that_are_given_twice_are_told(tmp_path):
    rows = "".join(f"{2 * i + j}\tn{i}\n" for i in range(1, 7) for j in (0, 1))
    with pytest.raises(ValueError, match="gives the name n1, n2, n3, n4, n5 twice"):
        read_labels(written(tmp_path, f"index\tname\n{rows}"))


def test_the_largest_label_that_an_image_can_hold_is_read_and_the_next_refused(tmp_path):
    most = 2**31 - 1
    assert read_labels(written(tmp_path, f"index\tname\n{most}\ta\n")).names == {most: "a"}
    with pytest.raises(ValueError, match=f"has the label {most + 1}; the largest .* {most}"):
        read_labels(written(tmp_path, f"index\tname\n1\tb\n{most + 1}\ta\n"))


def test_a_missing_file_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_labels(tmp_path / "none.tsv")
