"""What people get: tables, pictures, and what stands on the console.

Importing the package loads neither OpenCV nor pandas: public names are found on first use. No
module here has the name of a public function, which it would hide once it is imported.
"""

from typing import TYPE_CHECKING

from batchmri.lazy import exporter

if TYPE_CHECKING:
    from batchmri.report.console import Console as Console
    from batchmri.report.console import LogFormat as LogFormat
    from batchmri.report.contract import columns as columns
    from batchmri.report.files import make_folder as make_folder
    from batchmri.report.files import readers as readers
    from batchmri.report.files import write_atomic as write_atomic
    from batchmri.report.files import write_json as write_json
    from batchmri.report.metrics import check_metrics_file as check_metrics_file
    from batchmri.report.metrics import prometheus as prometheus
    from batchmri.report.metrics import read_metric as read_metric
    from batchmri.report.metrics import write_metrics as write_metrics
    from batchmri.report.package import datapackage as datapackage
    from batchmri.report.paths import montage_path as montage_path
    from batchmri.report.paths import picture_path as picture_path
    from batchmri.report.pictures import Caption as Caption
    from batchmri.report.pictures import montage as montage
    from batchmri.report.pictures import overlay as overlay
    from batchmri.report.rows import change_row as change_row
    from batchmri.report.rows import common_source as common_source
    from batchmri.report.rows import file_row as file_row
    from batchmri.report.rows import series_row as series_row
    from batchmri.report.rows import slice_rows as slice_rows
    from batchmri.report.rows import study_row as study_row
    from batchmri.report.summary import print_status as print_status
    from batchmri.report.summary import print_summary as print_summary
    from batchmri.report.summary import print_survey as print_survey
    from batchmri.report.survey import SURVEY_COLUMNS as SURVEY_COLUMNS
    from batchmri.report.survey import Survey as Survey
    from batchmri.report.tables import TableWriter as TableWriter
    from batchmri.report.tables import write_table as write_table

_HOMES = {
    "SURVEY_COLUMNS": "survey",
    "Caption": "pictures",
    "Console": "console",
    "LogFormat": "console",
    "Survey": "survey",
    "TableWriter": "tables",
    "change_row": "rows",
    "check_metrics_file": "metrics",
    "columns": "contract",
    "common_source": "rows",
    "datapackage": "package",
    "file_row": "rows",
    "make_folder": "files",
    "montage": "pictures",
    "montage_path": "paths",
    "overlay": "pictures",
    "picture_path": "paths",
    "print_status": "summary",
    "print_summary": "summary",
    "print_survey": "summary",
    "prometheus": "metrics",
    "read_metric": "metrics",
    "readers": "files",
    "series_row": "rows",
    "slice_rows": "rows",
    "study_row": "rows",
    "write_atomic": "files",
    "write_json": "files",
    "write_metrics": "metrics",
    "write_table": "tables",
}
__all__ = list(_HOMES)

__getattr__ = exporter(__name__, _HOMES)
