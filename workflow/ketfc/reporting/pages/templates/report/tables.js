// Tables that sort, filter, copy and are downloaded as TSV, by DataTables ($ is its jQuery).

const inTheWay = document.querySelectorAll("main table.sheet");

const sheet = (table) => {
  if (table.dataset.sheet) return;
  table.dataset.sheet = "made";
  const title = table.caption.textContent;
  const rows = table.tBodies[0].rows.length;
  const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60);
  // numbers as the files have them, not as they are rounded here; headers without their arrows
  const body = (shown, row, column, cell) => cell.dataset.whole || cell.textContent;
  const exported = { title: null, footer: false, exportOptions: { format: { body } } };
  $(table).DataTable({
    order: [],
    autoWidth: false,
    deferRender: true,
    paging: rows > 100,
    pageLength: 100,
    lengthChange: false,
    info: rows > 100,
    searching: rows > 5,
    // numbers without a value come last, whichever way they are sorted
    columnDefs: [{ targets: "num", type: "num" }],
    language: { search: "Filter", emptyTable: "No row.", zeroRecords: "No row has that." },
    layout: {
      topStart: {
        buttons: [
          { ...exported, extend: "copyHtml5", text: "Copy" },
          { ...exported, extend: "csvHtml5", text: "TSV", filename: name, fieldSeparator: "\t",
            fieldBoundary: "", extension: ".tsv", titleAttr: `Download “${title}” as it is filtered and sorted` },
        ],
      },
      topEnd: rows > 5 ? "search" : null,
      bottomStart: rows > 100 ? "info" : null,
      bottomEnd: rows > 100 ? "paging" : null,
    },
    drawCallback: () => document.dispatchEvent(new CustomEvent("rows")),
  });
  // the controls stay where they are while a wide table is scrolled
  const box = table.closest(".scroll");
  const wrapper = table.closest(".dt-container");
  const controls = wrapper.querySelector(".dt-layout-row:not(.dt-layout-table)");
  if (controls) box.before(controls);
  const pages = wrapper.querySelector(".dt-paging nav");
  if (pages) pages.setAttribute("aria-label", `Pages of ${title}`);
};

const open = (table) => !table.closest("details:not([open])");
for (const table of inTheWay) if (open(table)) sheet(table);
document.addEventListener("toggle", (event) => {
  if (event.target.tagName === "DETAILS" && event.target.open)
    for (const table of event.target.querySelectorAll("table.sheet")) if (open(table)) sheet(table);
}, true);
