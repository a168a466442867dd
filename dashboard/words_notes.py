"""Texts of notes on charts: key → English, 繁體中文, español."""

from collections.abc import Mapping

Texts = Mapping[str, tuple[str, str, str]]

WORDS: Texts = {
    "panel.notes": ("Notes", "註記", "Notas"),
    "notes.legend": ("Notes", "註記", "Notas"),
    "notes.lead": (
        "Notes on these devices and on the whole plant, in this window.",
        "此區間內這些設備與整個電站的註記。",
        "Notas sobre estos equipos y sobre toda la planta, en esta ventana.",
    ),
    "notes.none": ("Nobody wrote a note on this window.", "此區間沒有註記。", "Nadie ha escrito notas en esta ventana."),
    "notes.login": (
        "Log in as an analyst or operator to write notes.",
        "以分析員或操作員身分登入即可撰寫註記。",
        "Inicie sesión como analista u operador para escribir notas.",
    ),
    "notes.cut": (
        "The newest {n} are listed; choose a shorter window to see others.",
        "僅列出最新 {n} 則，請縮短區間以檢視其他。",
        "Se listan las {n} más recientes; elija una ventana más corta para ver otras.",
    ),
    "notes.write": ("Write a note", "撰寫註記", "Escribir una nota"),
    "notes.how": (
        "Drag over the chart to choose a stretch, or click a point for an instant.",
        "在圖上拖曳可選取一段時間，點選一點可選取時刻。",
        "Arrastre sobre el gráfico para elegir un tramo o pulse un punto para un instante.",
    ),
    "notes.text": ("Note", "註記內容", "Nota"),
    "notes.device": ("About", "對象", "Sobre"),
    "notes.plant": ("The whole plant", "整個電站", "Toda la planta"),
    "notes.from": ("From", "起", "Desde"),
    "notes.to": ("To (empty: an instant)", "迄（空白為單一時刻）", "Hasta (vacío: un instante)"),
    "notes.excuse": ("Availability", "可用率", "Disponibilidad"),
    "notes.excuse.none": ("Counts as usual", "照常計入", "Cuenta como siempre"),
    "notes.excuse.planned-maintenance": ("Excused: planned maintenance", "免計：計畫性維護", "Excusada: mantenimiento planificado"),
    "notes.excuse.grid": ("Excused: the grid", "免計：電網因素", "Excusada: la red"),
    "notes.excuse.force-majeure": ("Excused: force majeure", "免計：不可抗力", "Excusada: fuerza mayor"),
    "notes.excuse.note": (
        "Excused time is left out when availability is judged: the quarter hours a note touches, for its device or the whole plant.",
        "免計時間不列入可用率評定：註記所涵蓋的每一刻鐘，就其設備或整個電站而言。",
        "El tiempo excusado no entra al juzgar la disponibilidad: los cuartos de hora que toca la nota, de su equipo o de toda la planta.",
    ),
    "notes.tags": ("Tags, with commas", "標籤（以逗號分隔）", "Etiquetas, con comas"),
    "notes.keep": ("Keep the note", "儲存註記", "Guardar la nota"),
    "notes.edit": ("Edit", "編輯", "Editar"),
    "notes.save": ("Save", "儲存", "Guardar"),
    "notes.remove": ("Remove", "移除", "Quitar"),
    "notes.bad-time": ("'{field}' is not a date and time.", "「{field}」不是日期與時間。", "«{field}» no es una fecha y hora."),
    "notes.no-text": ("Write what is to be noted.", "請輸入註記內容。", "Escriba lo que hay que anotar."),
    "notes.backwards": ("The note ends before it begins.", "註記的結束早於開始。", "La nota termina antes de empezar."),
    "notes.theirs": (
        "Only its author, or an operator, changes a note.",
        "只有作者或操作員可以變更註記。",
        "Solo su autor o un operador puede cambiar una nota.",
    ),
    "notes.gone": (
        "Somebody else changed this note meanwhile; reload the page to see it as it is now.",
        "此註記已被他人變更，請重新載入頁面以檢視最新內容。",
        "Alguien cambió esta nota mientras tanto; recargue la página para verla como está ahora.",
    ),
    "notes.added": ("The note is kept.", "註記已儲存。", "La nota está guardada."),
    "notes.changed": ("The note is changed.", "註記已變更。", "La nota está cambiada."),
    "notes.removed": ("The note is removed.", "註記已移除。", "La nota está quitada."),
    "export.author": ("Author", "作者", "Autor"),
    "export.text": ("Note", "註記", "Nota"),
    "export.tags": ("Tags", "標籤", "Etiquetas"),
}
