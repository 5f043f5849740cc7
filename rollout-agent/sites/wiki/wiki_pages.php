<?php
// Reads pages and their histories from *.wiki files. A page begins with `@page TITLE`. Each `@by USER DATE SUMMARY` is a
// revision: the first is followed by its text, later ones by `@swap OLD => NEW` and `@add` with the lines to come before
// the categories; `@minor` marks small ones and `@undo` takes the revision before back. `@ask QUESTION => ANSWER` holds for
// the last text.

class SeedPage {
	/** @var array{user: string, at: int, summary: string, isMinor: bool, undoes: bool, text: string}[] */
	public array $revisions = [];
	/** @var array{string, string}[] questions and what the page says */
	public array $facts = [];

	public function __construct( public string $title ) {
	}

	public function text(): string {
		return end( $this->revisions )['text'] ?? '';
	}
}

/** @return SeedPage[] */
function readPages( string $folder ): array {
	$pages = [];
	foreach ( glob( "$folder/*.wiki" ) as $file ) {
		foreach ( array_slice( preg_split( '/^@page /m', file_get_contents( $file ) ), 1 ) as $source ) {
			[ $title, $body ] = explode( "\n", $source, 2 );
			$pages[] = readPage( trim( $title ), $body );
		}
	}
	return $pages;
}

function readPage( string $title, string $body ): SeedPage {
	$page = new SeedPage( $title );
	foreach ( array_slice( preg_split( '/^@by /m', $body ), 1 ) as $source ) {
		[ $head, $lines ] = explode( "\n", $source, 2 );
		[ $user, $day, $summary ] = explode( ' ', $head, 3 );
		$isFirst = $page->revisions === [];
		// Somewhen in the day, the same every time.
		$minute = 420 + crc32( "$title $day" ) % 780;
		$revision = [ 'user' => $user, 'at' => strtotime( "$day UTC" ) + 60 * $minute, 'summary' => $summary,
			'isMinor' => false, 'undoes' => false, 'text' => $page->text() ];
		$text = '';
		foreach ( explode( "\n", $lines ) as $line ) {
			if ( preg_match( '/^@ask (.*) => (.*)$/', $line, $found ) ) {
				$page->facts[] = [ $found[1], $found[2] ];
			} elseif ( preg_match( '/^@swap (.*) => (.*)$/', $line, $found ) ) {
				$revision['text'] = swap( $revision['text'], $found[1], $found[2], "$title $day" );
			} elseif ( $line === '@minor' ) {
				$revision['isMinor'] = true;
			} elseif ( $line === '@undo' ) {
				$revision['undoes'] = true;
				$revision['text'] = $page->revisions[count( $page->revisions ) - 2]['text'];
			} elseif ( $line !== '@add' ) {
				$text .= "$line\n";
			}
		}
		$text = trim( $text );
		if ( $isFirst ) {
			$revision['text'] = $text;
		} elseif ( $text !== '' ) {
			[ $above, $categories ] = preg_split( '/\n*(?=\[\[Category:|$(?!\n))/', $revision['text'], 2 );
			$revision['text'] = "$above\n\n$text" . ( $categories === '' ? '' : "\n\n$categories" );
		}
		$page->revisions[] = $revision;
	}
	foreach ( $page->facts as [ , $answer ] ) {
		if ( !str_contains( plainly( $page->text() ), $answer ) ) {
			throw new Exception( "$title does not say \"$answer\"" );
		}
	}
	return $page;
}

function swap( string $text, string $old, string $new, string $where ): string {
	if ( substr_count( $text, $old ) !== 1 ) {
		throw new Exception( "$where: \"$old\" is not there once" );
	}
	return str_replace( $old, $new, $text );
}

/** A number, where the words are one. */
function answerOf( string $words ): string {
	$numbers = [ 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten', 'eleven', 'twelve' ];
	$numbers += [ 18 => 'nineteen', 19 => 'twenty' ];
	$found = array_search( strtolower( $words ), $numbers );
	return $found === false ? $words : (string)( $found + 1 );
}

/** Without the marks of links and emphasis. */
function plainly( string $text ): string {
	return preg_replace( [ '/\[\[(?:[^|\]]*\|)?([^\]]*)\]\]/', "/''+/" ], [ '$1', '' ], $text );
}

/** @return array{?string, array<string, string>} the template that stands at the top of a page, and what it says */
function tableOf( string $text ): array {
	if ( !preg_match( '/^\{\{(\w+)\n(.*?)^\}\}/ms', $text, $found ) ) {
		return [ null, [] ];
	}
	preg_match_all( '/^\| *([^=\n]+?) *= *(.*)$/m', $found[2], $rows, PREG_SET_ORDER );
	return [ $found[1], array_column( $rows, 2, 1 ) ];
}
