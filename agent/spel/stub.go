package spel

import "errors"

func format(layout string, args []any) (any, error) { return nil, errors.New("stub") }

func toEnum(v any, t *javaType) (any, error)   { return nil, errNoConversion }
func toUUID(v any, t *javaType) (any, error)   { return nil, errNoConversion }
func toLocale(v any, t *javaType) (any, error) { return nil, errNoConversion }
func toZone(v any, t *javaType) (any, error)   { return nil, errNoConversion }
func toDate(v any, t *javaType) (any, error)   { return nil, errNoConversion }
