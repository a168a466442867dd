"""Texts of downloads: key → English, 繁體中文, español."""

from collections.abc import Mapping

Texts = Mapping[str, tuple[str, str, str]]

WORDS: Texts = {
    "files": ("Download or share", "下載或分享", "Descargar o compartir"),
    "files.csv": ("CSV table", "CSV 表格", "Tabla CSV"),
    "files.xlsx": ("Excel table (XLSX)", "Excel 表格 (XLSX)", "Tabla de Excel (XLSX)"),
    "files.parquet": ("Parquet table", "Parquet 表格", "Tabla Parquet"),
    "files.png": ("PNG picture", "PNG 圖片", "Imagen PNG"),
    "files.svg": ("SVG picture", "SVG 圖片", "Imagen SVG"),
    "files.receipt": ("Receipt (source, units, SHA-256)", "資料憑證（來源、單位、SHA-256）", "Recibo (origen, unidades, SHA-256)"),
    "files.raw": ("Without rounding", "不四捨五入", "Sin redondeo"),
    "files.link": ("Copy link to this view", "複製此檢視的連結", "Copiar enlace a esta vista"),
    "files.copied": ("Link copied", "已複製連結", "Enlace copiado"),
    "export.time": ("Time", "時間", "Hora"),
    "export.end": ("End", "結束", "Fin"),
    "export.name": ("Name", "名稱", "Nombre"),
    "export.value": ("Value", "數值", "Valor"),
    "files.failed": ("The file could not be made", "無法產生檔案", "No se pudo crear el archivo"),
    "files.unit": ("Unit", "單位", "Unidad"),
    "export.metric": ("Quantity", "量測項目", "Magnitud"),
    "export.number": ("Number", "編號", "Número"),
    "export.row": ("Row", "列", "Fila"),
    "export.column": ("Column", "欄", "Columna"),
    "export.group": ("Group", "群組", "Grupo"),
    "export.note": ("Note", "備註", "Nota"),
    "export.mark": ("Marked", "標示", "Marcado"),
    "export.device": ("Device", "設備", "Equipo"),
    "export.severity": ("Severity", "嚴重度", "Gravedad"),
    "export.state": ("State", "狀態", "Estado"),
    "export.code": ("Code", "代碼", "Código"),
    "export.message": ("Message", "訊息", "Mensaje"),
}
